"""Who may come through a door: the roles by name, for the tables of doors."""


from app.core.permissions import ROLES

EVERYBODY = frozenset({"nobody", *ROLES})
LOGGED_IN = frozenset(ROLES)


def roles(names: str) -> frozenset[str]:
    found = frozenset(names.split())
    assert found <= LOGGED_IN, found - LOGGED_IN
    return found


ADMINISTRATOR = roles("administrator")
SUPERVISOR = roles("supervisor administrator")
LEADER = roles("leader supervisor administrator")
AGENT = roles("agent second_line leader supervisor administrator")
WORKING = AGENT | roles("resident")
DESK = WORKING | roles("manager")
DESK_AND_EDITOR = DESK | roles("editor")
SUPPLIER = roles("dispatcher technician")
REPORTING = roles("leader supervisor manager administrator")
MODERATING = LEADER | roles("editor")
WRITING = roles("editor author administrator")
KNOWING = DESK_AND_EDITOR | roles("author")
