"""Passwords: the hash is argon2id at OWASP's strength, and what anybody would try is refused."""

import pytest

from kaftalk_protocol.errors import Refused
from kaftalk_rooms.passwords import Passwords, check_strength


async def test_the_hash_is_argon2id_of_the_promised_strength() -> None:
    passwords = Passwords()
    hashed = await passwords.hash("correct-horse-battery")
    _, kind, _, parameters, *_ = hashed.split("$")
    cost = dict(part.split("=") for part in parameters.split(","))
    assert kind == "argon2id"
    assert int(cost["m"]) >= 19 * 1024
    assert int(cost["t"]) >= 2
    assert await passwords.matches(hashed, "correct-horse-battery")
    assert not await passwords.matches(hashed, "correct-horse-batterx")
    assert not await passwords.matches(None, "correct-horse-battery")
    assert not await passwords.matches("", "correct-horse-battery")
    passwords.close()


async def test_long_passwords_are_not_cut() -> None:
    passwords = Passwords()
    hashed = await passwords.hash("가" * 255 + "나")
    assert not await passwords.matches(hashed, "가" * 255 + "다")
    passwords.close()


@pytest.mark.parametrize("password", ["password", "PassWord", "12345678", "qwertyuiop", "abababab", "jisu.kim"])
def test_easy_passwords_are_refused(password: str) -> None:
    with pytest.raises(Refused):
        check_strength(password, "jisu.kim", field="new")


@pytest.mark.parametrize("password", ["correct-horse-battery", "비밀번호는 한글로", "a8!kd0-x"])
def test_others_are_taken(password: str) -> None:
    check_strength(password, "jisu.kim", field="new")
