"""The one error that Waybill raises on purpose."""


class WaybillError(ValueError):
    """A mistake of the user's, found by Waybill: one line with the value, where it came from and what is allowed.

    Commands print that line alone. Any other exception is a bug, of the user's own code or of ours, and keeps its
    traceback.
    """
