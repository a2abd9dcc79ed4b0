"""Unit tests talk to nobody: a network socket cannot even be made. (All other tests reach this machine only.)"""

import pytest


@pytest.fixture(autouse=True)
def no_network(socket_disabled: None) -> None:
    return socket_disabled
