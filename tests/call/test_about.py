"""What is known of a call: by whom it is believed, and what is left out."""

import pytest

from mediaserver.call.about import about, variable
from mediaserver.call.diversion import first_diversion
from support.trunks import asked, trunk

ASSERTED = '"Ada" <sip:+4930555@carrier.example;user=phone>'
TRUSTED = trunk(networks=("192.0.2.3",))
DOUBTED = trunk(networks=("192.0.2.3",), caller_id={"trusted": False})


def test_the_asserted_identity_is_believed_of_a_trusted_trunk_alone() -> None:
    request = asked(P_Asserted_Identity=ASSERTED, From='"Bob" <sip:bob@example.com>;tag=1', Diversion="<sip:9@h>")
    known = about(request, TRUSTED)
    assert (known.caller, known.caller_name, known.diverted_from) == ("+4930555", "Ada", "9")
    for other in (DOUBTED, None):
        known = about(request, other)
        assert (known.caller, known.caller_name, known.diverted_from) == ("bob", "Bob", "")


def test_a_name_that_is_no_utf_8_is_legible_all_the_same() -> None:
    request = asked(From='"Zo\udceb" <sip:z@h>;tag=1', X_Note="gr\udcfcn", Diversion='<sip:9@h>;reason="\udce4"')
    known = about(request, TRUSTED, ["X-Note"])
    assert (known.caller_name, known.headers, known.diversion_reason) == ("Zoë", {"sip_x_note": "grün"}, "ä")


def test_a_withheld_caller_is_known_to_us_and_marked() -> None:
    request = asked(
        P_Asserted_Identity="tel:+4930555", Privacy="id; critical", From="<sip:anonymous@anonymous.invalid>;tag=1"
    )
    known = about(request, TRUSTED)
    assert known.private and known.caller == "+4930555"
    assert about(asked(Privacy="none"), TRUSTED).private is False
    assert about(asked(From="<sip:Anonymous@h>;tag=1"), None).private


@pytest.mark.parametrize(
    ("uri", "fields", "called"),
    [
        ("sip:acc@203.0.113.7", {"To": "<sip:+4930777@carrier.example>"}, "+4930777"),
        ("sip:acc@203.0.113.7", {"To": "<sip:x@h>", "P-Called-Party-ID": "<sip:+4930778@h>"}, "+4930778"),
        ("sip:+4930999@203.0.113.7", {"To": "<sip:+4930777@carrier.example>"}, "+4930999"),
        ("sip:acc@203.0.113.7", {"To": "<sip:carrier.example>"}, "acc"),
        ("sip:+4930999;npdi@203.0.113.7", {}, "+4930999"),
    ],
)
def test_the_number_called_where_the_contact_is_called(uri: str, fields: dict[str, str], called: str) -> None:
    registered = trunk(user="acc", register=True)
    assert about(asked(line_uri=uri, **fields), registered).called == called


def test_header_fields_by_the_name_agents_use() -> None:
    request = asked(X_Customer_Id="4711", Subject="hello")
    known = about(request, None, ("x-customer-id", "Subject", "X-Missing"))
    assert known.headers == {"sip_x_customer_id": "4711", "sip_subject": "hello"}
    assert variable("P-Charge.Info") == "sip_p_charge_info"


@pytest.mark.parametrize(
    ("fields", "by", "reason"),
    [
        ({"Diversion": "<sip:+49301@h>;reason=no-answer"}, "+49301", "no-answer"),
        (
            {"Diversion": '<sip:+49302@h>;reason="user-busy", "A, B" <sip:+49301@h>;reason=unconditional;counter=1'},
            "+49301",
            "unconditional",
        ),
        ({"Diversion": "<sip:+49301@h>"}, "+49301", "unknown"),
        (
            {
                "History-Info": "<sip:+49301@h>;index=1, <sip:+49302@h;cause=408>;index=1.1;mp=1, "
                "<sip:+49303@h;cause=486>;index=1.1.1"
            },
            "+49301",
            "no-answer",
        ),
        (
            {
                "History-Info": "<sip:x@h>;index=1, <sip:+49301@h>;index=1.1;rc=1, "
                "<sip:+49302@h;cause=302>;index=1.1.1;mp=1.1"
            },
            "+49301",
            "unconditional",
        ),
        (
            {"History-Info": "<sip:1@h>;index=1, <sip:2@h;cause=999>;index=1.1", "Diversion": "<sip:3@h>"},
            "1",
            "unknown",
        ),
    ],
)
def test_who_was_called_first(fields: dict[str, str], by: str, reason: str) -> None:
    found = first_diversion(asked(**fields))
    assert found is not None and (found.by.user, found.reason) == (by, reason)


@pytest.mark.parametrize(
    "fields",
    [{}, {"Diversion": "<sip:"}, {"History-Info": "<sip:1@h>;index=1"}, {"History-Info": "<sip:1@h;cause=302>"}],
)
def test_who_was_not_diverted(fields: dict[str, str]) -> None:
    assert first_diversion(asked(**fields)) is None


def test_a_request_that_says_nothing_legible_is_known_for_nothing() -> None:
    request = asked(P_Asserted_Identity="<sip:")
    for name in ("From", "To"):
        request.headers.remove(name)
    known = about(request, TRUSTED)
    assert (known.caller, known.called) == ("", "desk")
