"""Pictures of a game: ``to_text`` and ``to_image`` show one state, ``describe_order`` puts an order into words."""

from envs.waybill.render.image import KEY_COLOURS, to_image
from envs.waybill.render.text import to_text
from envs.waybill.render.words import describe_order

__all__ = ["KEY_COLOURS", "describe_order", "to_image", "to_text"]
