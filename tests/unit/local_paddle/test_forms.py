"""The forms take no field that Paddle's description keeps for Paddle itself."""

import pytest

from local_paddle import forms
from local_paddle.form import Form
from tests.requests import DESCRIBED, schema_of, writable

ID = "x"
FORMS: dict[tuple[str, str], Form] = {
    ("POST", "/customers"): forms.CUSTOMER,
    ("PATCH", f"/customers/{ID}"): forms.CUSTOMER_CHANGE,
    ("POST", f"/customers/{ID}/addresses"): forms.ADDRESS,
    ("PATCH", f"/customers/{ID}/addresses/{ID}"): forms.ADDRESS_CHANGE,
    ("POST", f"/customers/{ID}/businesses"): forms.BUSINESS,
    ("PATCH", f"/customers/{ID}/businesses/{ID}"): forms.BUSINESS_CHANGE,
    ("POST", "/products"): forms.PRODUCT,
    ("PATCH", f"/products/{ID}"): forms.PRODUCT_CHANGE,
    ("POST", "/prices"): forms.PRICE,
    ("PATCH", f"/prices/{ID}"): forms.PRICE_CHANGE,
    ("POST", "/discounts"): forms.DISCOUNT,
    ("PATCH", f"/discounts/{ID}"): forms.DISCOUNT_CHANGE,
    ("POST", "/transactions"): forms.TRANSACTION,
    ("POST", "/adjustments"): forms.ADJUSTMENT,
    ("POST", "/simulations"): forms.SIMULATION,
    ("PATCH", f"/simulations/{ID}"): forms.SIMULATION_CHANGE,
    ("POST", "/notification-settings"): forms.SETTING,
    ("PATCH", f"/notification-settings/{ID}"): forms.SETTING_CHANGE,
}


def test_every_request_that_has_a_body_has_a_form() -> None:
    described = {name for name, schema in DESCRIBED["requests"].items() if schema}

    assert {schema_of(*request)[0] for request in FORMS} == described


@pytest.mark.parametrize("request_", FORMS, ids=" ".join)
def test_a_form_takes_only_what_is_described_as_writable(
    request_: tuple[str, str],
) -> None:
    _, schema = schema_of(*request_)

    assert set(FORMS[request_]) <= writable(schema)


@pytest.mark.parametrize(
    "request_", [one for one in FORMS if one[0] == "POST"], ids=" ".join
)
def test_a_form_asks_for_what_is_described_as_needed(
    request_: tuple[str, str],
) -> None:
    _, schema = schema_of(*request_)
    needed = {name for name, field in FORMS[request_].items() if field.is_required}

    assert needed == required(schema)


def required(schema: dict[str, object]) -> set[str]:
    """Return the fields without which none of a schema's kinds is whole."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return required(DESCRIBED["components"]["schemas"][name])
    kinds = schema.get("oneOf")
    if isinstance(kinds, list):
        return set.intersection(*map(required, kinds))
    found = schema.get("required", [])
    return set(found) if isinstance(found, list) else set()
