"""Routing decided from rules, request types and a model's verdict, without any of them being stored."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from tests.given import given

from supportix.domain.department import Department
from supportix.domain.department_facts import DepartmentCreated, RequestTypesChanged, RoutingRulesChanged
from supportix.domain.ids import TRIAGE_DEPARTMENT_ID, CustomerId, DepartmentId
from supportix.domain.routing import ClassifierVerdict, MatchedRule, RoutingEvidence, Scored
from supportix.domain.routing_rules import LooksIn, RequestTypeInvalid, RoutingRule, RoutingRuleInvalid
from supportix.domain.ticket_words import Channel, RoutingStep
from supportix.routing.book import Request, RoutingBook
from supportix.routing.decide import RequestTypeElsewhere, UnknownRequestType, decide
from supportix.routing.terms import Term, Text
from supportix.routing.words import folded

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CREATED = DepartmentCreated(occurred_at=AT, name="Billing", policy="round_robin")
BILLING, NETWORK = DepartmentId(UUID(int=11)), DepartmentId(UUID(int=12))
ANNA, BEN = CustomerId(UUID(int=21)), CustomerId(UUID(int=22))
INVOICES = RoutingRule(name="invoices", terms=("invoice", "direct debit"))


def asking(subject: str = "Hello", description: str = "", **changes) -> Request:
    details = {"requester_id": ANNA, "channel": Channel.EMAIL} | changes
    return Request(subject=subject, description=description, **details)


def a_book(billing=(), network=(), types=(), network_types=()) -> RoutingBook:
    departments = [
        Department(id=BILLING, routing_rules=tuple(billing), request_types=tuple(types)),
        Department(id=NETWORK, routing_rules=tuple(network), request_types=tuple(network_types)),
    ]
    return RoutingBook(departments, based_on=7)


def saying(best: float, threshold: float | None = 0.62) -> ClassifierVerdict:
    return ClassifierVerdict(
        model_version=3,
        best=Scored(department_id=NETWORK, probability=best),
        runner_up=Scored(department_id=BILLING, probability=round(1 - best, 4)),
        threshold=threshold,
    )


@pytest.mark.parametrize(
    ("term", "text", "found"),
    [
        ("invoice", "Where is my INVOICE?", True),
        ("invoice", "invoices are late", False),
        ("direct debit", "the direct  \n debit failed", True),
        ("direct debit", "direct your debit", False),
        ("café", "CAFE opens", True),
        ("resume", "my résumé", True),
        ("strasse", "Hauptstraße? Straße!", True),
        ("e-mail", "my E mail", True),
        ("c++", "C++ and C", True),
        ("c++", "plain C", False),
        ("c", "C++", False),
        ("#1", "number 1", True),
        ("счёт", "где мой СЧЕТ", True),
        ("мои", "мой", False),
        ("τιμολόγιο", "ΤΙΜΟΛΟΓΙΟ", True),
        ("فاتورة", "أين فَاتُورَة", True),
        ("請求書", "請求書が届きません", True),
        ("か", "が", False),
        ("환불", "환불을 원합니다", True),
        ("ใบแจ้งหนี้", "ขอใบแจ้งหนี้ด้วย", True),
        ("बिल", "मेरा बिल गलत है", True),
        ("बिल", "बिल्ली", False),
        ("ﬁle", "FILE", True),
        ("?!", "what?!", False),
    ],
)
def test_terms_are_whole_words_in_any_script(term, text, found):
    assert Term(term).is_in(Text(text)) is found


def test_folding_a_folded_text_changes_nothing():
    for text in ("Größe 請求書が C++ #1 naïve", "", "...", "ใบแจ้งหนี้"):
        assert folded(folded(text)) == folded(text)


def test_a_department_that_is_named_gets_the_ticket():
    book = a_book(billing=[INVOICES])
    decision = decide(asking("invoice", department_id=NETWORK), book, lambda _: saying(0.99))
    assert (decision.department_id, decision.step, decision.evidence) == (NETWORK, RoutingStep.REQUEST, None)


def test_a_request_type_leads_to_its_owner():
    decision = decide(asking(request_type=" REFUND"), a_book(types=["Refund"]))
    assert (decision.department_id, decision.step) == (BILLING, RoutingStep.REQUEST_TYPE)
    assert decision.evidence == RoutingEvidence(based_on=7, request_type="Refund")


def test_an_unknown_request_type_is_refused_with_those_that_there_are():
    with pytest.raises(UnknownRequestType, match="expected one of: refund, vpn"):
        decide(asking(request_type="reFound"), a_book(types=["refund"], network_types=["vpn"]))


def test_a_request_type_of_another_department_than_the_one_named_is_refused():
    book = a_book(types=["refund"])
    with pytest.raises(RequestTypeElsewhere):
        decide(asking(request_type="refund", department_id=NETWORK), book)
    assert decide(asking(request_type="refund", department_id=BILLING), book).step is RoutingStep.REQUEST


def test_a_rule_decides_before_the_model():
    decision = decide(asking("My direct debit"), a_book(billing=[INVOICES]), lambda _: saying(0.99))
    assert (decision.department_id, decision.step) == (BILLING, RoutingStep.RULE)
    assert decision.evidence == RoutingEvidence(
        based_on=7, rule=MatchedRule(name="invoices", order=100, term="direct debit")
    )


def test_the_lowest_order_comes_first_over_all_departments():
    book = a_book(billing=[INVOICES], network=[RoutingRule(name="first", order=99, terms=("my",))])
    assert decide(asking("my invoice"), book).department_id == NETWORK
    assert decide(asking("the invoice"), book).department_id == BILLING


def test_a_rule_tells_the_first_of_its_terms_that_was_found():
    rule = RoutingRule(name="r", terms=("vpn", "router"))
    for subject, description in (("router", "vpn"), ("vpn router", ""), ("", "the router of the vpn")):
        evidence = decide(asking(subject, description), a_book(network=[rule])).evidence
        assert evidence is not None
        assert evidence.rule == MatchedRule(name="r", order=100, term="vpn")


def test_a_phrase_does_not_reach_from_the_subject_into_the_description():
    assert decide(asking("direct", "debit"), a_book(billing=[INVOICES])).step is RoutingStep.TRIAGE


@pytest.mark.parametrize(
    ("looks_in", "subject", "description", "matches"),
    [
        (LooksIn.SUBJECT, "vpn", "", True),
        (LooksIn.SUBJECT, "", "vpn", False),
        (LooksIn.DESCRIPTION, "", "vpn", True),
        (LooksIn.DESCRIPTION, "vpn", "", False),
        (LooksIn.BOTH, "", "vpn", True),
    ],
)
def test_where_a_rule_looks(looks_in, subject, description, matches):
    book = a_book(network=[RoutingRule(name="r", terms=("vpn",), looks_in=looks_in)])
    assert (decide(asking(subject, description), book).step is RoutingStep.RULE) is matches


def test_everything_that_a_rule_names_has_to_fit():
    rule = RoutingRule(name="r", terms=("vpn",), customers=(ANNA,), channels=(Channel.EMAIL, Channel.CHAT))
    book = a_book(network=[rule])
    assert decide(asking("vpn"), book).step is RoutingStep.RULE
    for other in (asking("lan"), asking("vpn", requester_id=BEN), asking("vpn", channel=Channel.PHONE)):
        assert decide(other, book).step is RoutingStep.TRIAGE


def test_a_rule_may_name_a_customer_alone():
    book = a_book(network=[RoutingRule(name="r", customers=(BEN,))])
    assert decide(asking(requester_id=BEN), book).evidence == RoutingEvidence(
        based_on=7, rule=MatchedRule(name="r", order=100)
    )


def test_a_model_that_is_sure_decides_where_no_rule_does():
    decision = decide(asking(), a_book(billing=[INVOICES]), lambda _: saying(0.62))
    assert (decision.department_id, decision.step) == (NETWORK, RoutingStep.CLASSIFIER)
    assert decision.evidence == RoutingEvidence(based_on=7, verdict=saying(0.62), passed={"rule": "none of 1 matched"})


@pytest.mark.parametrize(
    ("verdict", "why"),
    [
        (saying(0.41), "abstained: 0.410 < 0.620"),
        (saying(0.99, threshold=None), "model 3 routes nothing; `supportix routing models` says why"),
        (ClassifierVerdict(model_version=3), "model 3 routes nothing; `supportix routing models` says why"),
        (ClassifierVerdict(model_version=3, threshold=0.5), "abstained: it knows none of the words"),
        (None, "no model is active"),
    ],
)
def test_triage_gets_what_nobody_decided_on_with_the_reasons(verdict, why):
    decision = decide(asking(), a_book(), None if verdict is None else lambda _: verdict)
    assert (decision.department_id, decision.step) == (TRIAGE_DEPARTMENT_ID, RoutingStep.TRIAGE)
    passed = {"rule": "there are none", "classifier": why}
    assert decision.evidence == RoutingEvidence(based_on=7, verdict=verdict, passed=passed)


def test_rules_and_request_types_are_changed_once():
    rules = RoutingRulesChanged(occurred_at=AT, rules=(INVOICES,))
    given(CREATED).when(lambda each: each.change_routing_rules([INVOICES], at=AT)).then(rules)
    given(CREATED, rules).when(lambda each: each.change_routing_rules([INVOICES], at=AT)).then_nothing()
    given(CREATED, rules).when(lambda each: each.change_routing_rules([], at=AT)).then(
        RoutingRulesChanged(occurred_at=AT)
    )
    types = RequestTypesChanged(occurred_at=AT, request_types=("refund",))
    given(CREATED).when(lambda each: each.change_request_types(["refund"], at=AT)).then(types)
    given(CREATED, types).when(lambda each: each.change_request_types(["refund"], at=AT)).then_nothing()


@pytest.mark.parametrize(
    ("rules", "saying"),
    [
        ([RoutingRule(name="r")], "it names none"),
        ([RoutingRule(name=" ", terms=("x",))], "a name of its own"),
        ([RoutingRule(name="r", terms=("x",)), RoutingRule(name="R", terms=("y",))], "a name of its own"),
        ([RoutingRule(name="r", terms=("?",))], "never matches"),
        ([RoutingRule(name="r", terms=("x",), order=-1)], "0 to 1000000"),
        ([RoutingRule(name="r", terms=("x",) * 101)], "at most 100 terms"),
        ([RoutingRule(name=str(n), terms=("x",)) for n in range(201)], "at most 200"),
    ],
)
def test_rules_that_do_not_hold_together(rules, saying):
    given(CREATED).when(lambda each: each.change_routing_rules(rules, at=AT)).then_refused(
        RoutingRuleInvalid, saying=saying
    )


@pytest.mark.parametrize("names", [[" "], ["refund", "REFUND "], [str(n) for n in range(101)]])
def test_request_types_that_do_not_hold_together(names):
    given(CREATED).when(lambda each: each.change_request_types(names, at=AT)).then_refused(RequestTypeInvalid)
