"""Roles: granted on a node, held below it; the nearest decides, and automations are the site itself."""

import pytest

from iiot_engine.actuation.roles import Grants, Level, Node, Path, Person, Role, may, may_grant, role_of

SITE = Node(level=Level.SITE, id="hall")
FLOOR = Node(level=Level.FLOOR, id="ground")
AREA = Node(level=Level.AREA, id="presses")
OTHER_AREA = Node(level=Level.AREA, id="pumps")
PRESS = Node(level=Level.DEVICE, id="press-07")
PUMP = Node(level=Level.DEVICE, id="pump-01")
LOOSE = Node(level=Level.DEVICE, id="loose-01")
TO_PRESS: Path = (SITE, FLOOR, AREA, PRESS)
TO_PUMP: Path = (SITE, FLOOR, OTHER_AREA, PUMP)
TO_LOOSE: Path = (SITE, LOOSE)
ANNA, BERT, ADMIN, AUTOMATION = Person("anna"), Person("bert"), Person("root", is_admin=True), Person(None)
VIEWER, OPERATOR, ENGINEER = Role


def granted(*grants: tuple[str, Node, Role]) -> Grants:
    found = Grants()
    for user_id, node, role in grants:
        found = found.with_role(user_id, node, role)
    return found


@pytest.mark.parametrize(
    ("grants", "path", "expected"),
    [
        (granted(), TO_PRESS, None),
        (granted(("bert", SITE, OPERATOR)), TO_PRESS, VIEWER),
        (granted(("anna", SITE, OPERATOR)), TO_PRESS, OPERATOR),
        (granted(("anna", SITE, OPERATOR)), TO_LOOSE, OPERATOR),
        (granted(("anna", FLOOR, ENGINEER)), TO_PUMP, ENGINEER),
        (granted(("anna", FLOOR, ENGINEER)), TO_LOOSE, VIEWER),
        (granted(("anna", AREA, OPERATOR)), TO_PRESS, OPERATOR),
        (granted(("anna", AREA, OPERATOR)), TO_PUMP, VIEWER),
        (granted(("anna", SITE, ENGINEER), ("anna", AREA, VIEWER)), TO_PRESS, VIEWER),
        (granted(("anna", SITE, ENGINEER), ("anna", AREA, VIEWER)), TO_PUMP, ENGINEER),
        (granted(("anna", FLOOR, VIEWER), ("anna", PRESS, OPERATOR)), TO_PRESS, OPERATOR),
        (granted(("anna", SITE, VIEWER), ("anna", FLOOR, ENGINEER), ("anna", AREA, OPERATOR)), TO_PRESS, OPERATOR),
    ],
)
def test_the_nearest_grant_decides(grants: Grants, path: Path, expected: Role | None) -> None:
    assert role_of(ANNA, path, grants.grants) is expected


@pytest.mark.parametrize("person", [ADMIN, AUTOMATION])
def test_administrators_and_automations_are_engineers_everywhere(person: Person) -> None:
    assert role_of(person, TO_PRESS, ()) is ENGINEER
    assert role_of(person, TO_PRESS, granted(("root", PRESS, VIEWER)).grants) is ENGINEER


@pytest.mark.parametrize(
    ("role", "needs"), [(VIEWER, {VIEWER}), (OPERATOR, {VIEWER, OPERATOR}), (ENGINEER, {VIEWER, OPERATOR, ENGINEER})]
)
def test_each_role_may_what_those_before_it_may(role: Role, needs: set[Role]) -> None:
    grants = granted(("anna", SITE, role)).grants
    assert {need for need in Role if may(ANNA, TO_PRESS, grants, need)} == needs
    assert {need for need in Role if may(ANNA, TO_PRESS, grants, need, is_control=True)} == needs


def test_before_the_first_grant_controls_are_free_and_all_else_is_for_administrators() -> None:
    assert may(ANNA, TO_PRESS, (), OPERATOR, is_control=True)
    assert not may(ANNA, TO_PRESS, (), VIEWER)
    assert may(ADMIN, TO_PRESS, (), ENGINEER)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [((SITE,), False), ((SITE, FLOOR), False), ((SITE, FLOOR, AREA), True), (TO_PRESS, True), (TO_LOOSE, False)],
)
def test_an_engineer_grants_below_the_own_node_only(path: Path, allowed: bool) -> None:
    grants = granted(("anna", FLOOR, ENGINEER), ("bert", SITE, OPERATOR)).grants
    assert may_grant(ANNA, path, grants) is allowed
    assert not may_grant(BERT, path, grants)
    assert may_grant(ADMIN, path, grants)


def test_a_person_has_one_role_on_a_node() -> None:
    grants = granted(("anna", SITE, OPERATOR), ("bert", SITE, VIEWER), ("anna", SITE, ENGINEER))
    assert [(one.user_id, one.role) for one in grants.grants] == [("bert", VIEWER), ("anna", ENGINEER)]
    assert grants.with_role("anna", SITE, None) == granted(("bert", SITE, VIEWER))
