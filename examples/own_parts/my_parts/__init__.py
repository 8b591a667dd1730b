"""An encoding, a reward and a network that are not part of Waybill."""
