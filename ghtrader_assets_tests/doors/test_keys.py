"""Tokens, links and cookies: what each opens, how often, and for how long."""

from __future__ import annotations

import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from ghtrader_assets.clock import Clock
from ghtrader_assets.doors.keys import COOKIE_S, LINK_S, Doorkeeper, WebKeys, cookie_name, keys_of, link_to
from ghtrader_assets.doors.rule import Power
from ghtrader_assets.errors import CredentialError
from ghtrader_assets.settings import Settings
from ghtrader_assets_tests.another_user import ANOTHER, as_root

KEYS = WebKeys(SecretStr("owner-0123456789abcdef"), SecretStr("reader-0123456789abcdef"))
HOST = "127.0.0.1:3000"
URL = f"http://{HOST}"


@dataclass
class Hand:
    """A clock that is moved by hand."""

    seconds: float = 1_800_000_000.0
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock(lambda: int(self.seconds * 1e9))


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def keeper(hand: Hand) -> Doorkeeper:
    return Doorkeeper(KEYS, "dagster", "first start", hand.clock)


def link_in(address: str) -> str:
    return parse_qs(urlsplit(address).query)["link"][0]


def cookie_in(header: str) -> str:
    return header.partition(";")[0]


def cookie_of(keeper: Doorkeeper, power: Power = Power.OWNER) -> str:
    link = link_in(link_to(KEYS, keeper.service, URL, keeper.clock, power))
    return cookie_in(keeper.cookie_for(link, HOST))


def test_a_token_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: keys_of(Settings(home=tmp_path)).owner.get_secret_value(), range(8)))
    assert len(set(made)) == 1
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "web").iterdir()}
    assert files == {"token": 0o600, "token_read": 0o600}
    assert made[0] != keys_of(Settings(home=tmp_path)).reader.get_secret_value()


@pytest.mark.parametrize(("mode", "remedy"), [(0o644, "chmod 600"), (0o620, "chmod go-w")])
def test_a_token_that_others_can_read_or_write_is_refused(tmp_path: Path, mode: int, remedy: str) -> None:
    keys_of(Settings(home=tmp_path))
    (tmp_path / "web" / "token").chmod(mode)
    with pytest.raises(CredentialError, match=remedy):
        keys_of(Settings(home=tmp_path))


@as_root
def test_a_token_that_another_user_made_is_refused(tmp_path: Path) -> None:
    keys_of(Settings(home=tmp_path))
    os.chown(tmp_path / "web" / "token", ANOTHER, ANOTHER)
    with pytest.raises(CredentialError, match="belongs to another user"):
        keys_of(Settings(home=tmp_path))


def test_tokens_of_the_settings_need_no_file(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, web_token=KEYS.owner, web_token_read=KEYS.reader)
    assert keys_of(settings) == KEYS
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("header", "power"),
    [
        ("Bearer owner-0123456789abcdef", Power.OWNER),
        ("bearer  owner-0123456789abcdef ", Power.OWNER),
        ("Bearer reader-0123456789abcdef", Power.READ),
        ("Bearer owner-0123456789abcde", Power.NONE),
        ("Basic owner-0123456789abcdef", Power.NONE),
        ("Bearer é", Power.NONE),
        ("Bearer", Power.NONE),
    ],
)
def test_a_token_in_a_header(keeper: Doorkeeper, header: str, power: Power) -> None:
    assert keeper.power_of(HOST, header, "") is power


@pytest.mark.parametrize("power", [Power.READ, Power.OWNER])
def test_a_link_gives_a_cookie_of_its_power_once(keeper: Doorkeeper, power: Power) -> None:
    link = link_in(link_to(KEYS, "dagster", URL, keeper.clock, power))
    header = keeper.cookie_for(link, HOST)
    assert header.endswith(f"; Path=/; Max-Age={COOKIE_S}; HttpOnly; SameSite=Strict")
    assert keeper.power_of(HOST, "", cookie_in(header)) is power
    assert keeper.cookie_for(link, HOST) == ""
    assert KEYS.owner.get_secret_value() not in header + link


def test_a_link_opens_its_server_under_any_of_its_names(keeper: Doorkeeper) -> None:
    """A browser that knows no names below `localhost`, or comes by a proxy, takes another one of them."""
    link = link_to(KEYS, "dagster", URL, keeper.clock)
    assert link.startswith(f"http://{KEYS.page_name}:3000/log-in?link=")
    header = keeper.cookie_for(link_in(link), "desk.example", is_secure=True)
    assert header.endswith("; Secure")
    assert keeper.power_of("desk.example", "", cookie_in(header)) is Power.OWNER
    assert keeper.power_of(HOST, "", cookie_in(header)) is Power.NONE


def test_the_pages_name_is_of_a_home_and_says_no_token(tmp_path: Path) -> None:
    names = [keys_of(Settings(home=tmp_path / home)).page_name for home in ("one", "one", "other")]
    assert names[0] == names[1] != names[2]
    assert re.fullmatch(r"gh-[0-9a-f]{16}\.localhost", names[0])


def test_a_link_ends_and_is_another_servers_nowhere(keeper: Doorkeeper, hand: Hand) -> None:
    link = link_in(link_to(KEYS, "dagster", URL, hand.clock))
    assert replace(keeper, service="dashboard").cookie_for(link, HOST) == ""
    hand.seconds += LINK_S + 1
    assert keeper.cookie_for(link, HOST) == ""


def test_a_link_from_before_the_server_began_may_have_been_used(keeper: Doorkeeper, hand: Hand) -> None:
    link = link_in(link_to(KEYS, "dagster", URL, hand.clock))
    hand.seconds += 1
    assert Doorkeeper(KEYS, "dagster", "first start", hand.clock).cookie_for(link, HOST) == ""


def test_a_cookie_ends(keeper: Doorkeeper, hand: Hand) -> None:
    cookie = cookie_of(keeper)
    hand.seconds += COOKIE_S
    assert keeper.power_of(HOST, "", cookie) is Power.OWNER
    hand.seconds += 1
    assert keeper.power_of(HOST, "", cookie) is Power.NONE


def test_a_cookie_is_of_one_server_one_name_and_one_start(keeper: Doorkeeper, hand: Hand) -> None:
    cookie = cookie_of(keeper)
    value = cookie.partition("=")[2]
    again = Doorkeeper(KEYS, "dagster", "first start", hand.clock)
    assert again.power_of(HOST, "", f"other=1; {cookie}") is Power.OWNER, "the server itself may be started again"
    assert Doorkeeper(KEYS, "dagster", "second start", hand.clock).power_of(HOST, "", cookie) is Power.NONE
    assert Doorkeeper(KEYS, "dashboard", "first start", hand.clock).power_of(HOST, "", cookie) is Power.NONE
    assert keeper.power_of("localhost:3000", "", cookie) is Power.NONE
    other = "127.0.0.1:3001"
    assert keeper.power_of(other, "", f"{cookie_name(other)}={value}") is Power.NONE
    assert keeper.power_of(HOST, "", f"{cookie}; {cookie}") is Power.NONE, "one that somebody planted"


def test_a_cookie_is_no_link_and_no_token(keeper: Doorkeeper) -> None:
    value = cookie_of(keeper).partition("=")[2]
    assert keeper.cookie_for(value, HOST) == ""
    assert keeper.power_of(HOST, f"Bearer {value}", "") is Power.NONE


def test_a_reader_is_not_made_an_owner_by_a_word(keeper: Doorkeeper) -> None:
    cookie = cookie_of(keeper, Power.READ)
    assert keeper.power_of(HOST, "", cookie.replace("=READ.", "=OWNER.")) is Power.NONE


@given(
    st.text(max_size=80) | st.from_regex(r"(OWNER|READ)\.[0-9²]{1,13}\.[A-Za-z]{0,3}\.[A-Za-z]{0,3}", fullmatch=True)
)
def test_nothing_that_is_made_up_opens_anything(text: str) -> None:
    keeper = Doorkeeper(KEYS, "dagster", "start", Hand().clock)
    assert keeper.power_of(HOST, text, f"{cookie_name(HOST)}={text}") is Power.NONE
    assert keeper.power_of(HOST, f"Bearer {text}", "") is Power.NONE
    assert keeper.cookie_for(text, HOST) == ""


def test_where_all_is_open_links_are_plain(keeper: Doorkeeper) -> None:
    free = replace(KEYS, required=False)
    assert link_to(free, "dagster", URL, keeper.clock) == URL
    assert Doorkeeper(free, "dagster", "", keeper.clock).power_of(HOST, "", "") is Power.OWNER
