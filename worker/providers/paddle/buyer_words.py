"""What a buyer is told of Paddle's errors: few sentences for many codes."""

from enum import StrEnum


class Buyer(StrEnum):
    """What a buyer is told where a checkout does not open: what to do, never why."""

    SOON = "The checkout is busy. Please try again in a minute."
    SHOP = "This cannot be bought right now. Please write to the shop."
    CODE = "This discount code cannot be used here. Please check it, or go on without."
    ADDRESS = "This e-mail address cannot be used. Please check it."
    CARD = "The payment was declined. Please try another way to pay."
    DONE = "This order can no longer be changed. Please open a new checkout."
