"""The book of accounts: the first claim of a name holds, in any order of the two logs."""

import itertools
import uuid

from kaftalk_protocol.ids import UserId
from kaftalk_rooms.account_book import AccountBook, StoredAccount, encode_claim


def _account(username: str, display_name: str = "지수") -> StoredAccount:
    return StoredAccount(UserId(str(uuid.uuid4())), username, display_name, "hash", 1)


def _book(*accounts: StoredAccount) -> AccountBook:
    book = AccountBook()
    for account in accounts:
        book.take_account(account.id.encode(), account.encode())
        book.take_claim(encode_claim(account))
    return book


def test_the_first_claim_of_a_name_holds() -> None:
    first, second = _account("jisu"), _account("jisu")
    book = _book(first, second)
    assert book.by_username("jisu") == first
    assert book.get(second.id) is None
    assert book.everybody() == [first.id]


def test_the_logs_may_be_read_in_any_order() -> None:
    first, second = _account("jisu"), _account("jisu")
    written = [(account.id.encode(), account.encode()) for account in (first, second)]
    claims = [encode_claim(first), encode_claim(second)]
    for order in itertools.permutations(["a0", "a1", "c0", "c1"]):
        if order.index("c0") > order.index("c1"):
            continue
        book = AccountBook()
        for step in order:
            number = int(step[1])
            if step[0] == "a":
                book.take_account(*written[number])
            else:
                book.take_claim(claims[number])
        assert book.by_username("jisu") == first


def test_a_deleted_account_keeps_its_name_and_nothing_else() -> None:
    gone = _account("jisu", "김지수").deleted()
    book = _book(gone)
    assert book.get(gone.id) == gone
    assert (gone.password, gone.display_name, gone.active) == ("", "jisu", False)
    assert book.search("jisu") == []


def test_a_tombstone_takes_an_account_away() -> None:
    account = _account("jisu")
    book = _book(account)
    book.take_account(account.id.encode(), None)
    assert book.by_username("jisu") is None
    assert book.owner_of("jisu") == account.id


def test_search_ignores_case_and_normal_form() -> None:
    decomposed = _account("bom", "\u1107\u1169\u11b7\u1102\u1161\u11af Day")
    book = _book(decomposed, _account("other"))
    for text in ("봄날", "DAY", "bom"):
        assert book.search(text) == [decomposed]


def test_fields_of_later_versions_are_ignored() -> None:
    account = _account("jisu")
    book = AccountBook()
    book.take_account(account.id.encode(), account.encode()[:-1] + b',"later":1}')
    book.take_claim(encode_claim(account))
    assert book.by_username("jisu") == account
