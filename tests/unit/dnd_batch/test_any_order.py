"""Whatever the order of edits, crashes, missed looks and clock steps: all quiet is held, and released once, outside."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kaftalk_dnd_batch.commands import Command, EndSnooze, PutProfile, ReportZone, ResumeNow, SetSnooze
from kaftalk_dnd_batch.machine import LEAD_MS, Machine
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_calendar import QuietCalendars
from kaftalk_protocol.quiet_profile import OrgQuiet, Profile
from kaftalk_protocol.quiet_records import UserQuiet, encode, parse

ME = UserId("0b0c4a9e-7b1c-4d8e-9f50-000000000001")
ORG = OrgQuiet()
CALENDARS = QuietCalendars(lambda _calendar, _year: frozenset())
MACHINE = Machine(CALENDARS)
START_MS = 1_805_000_000_000
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
ENDLESS_MS = 300 * 24 * HOUR
ZONES = ("Asia/Seoul", "America/New_York", "Australia/Lord_Howe", "Europe/Dublin", "Africa/Casablanca")

times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 1, 30, 59]))
days = st.sets(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1).map(sorted)
windows = st.fixed_dictionaries({"days": days, "start": times, "end": times})
profiles = st.builds(
    Profile.model_validate,
    st.fixed_dictionaries(
        {
            "zone": st.sampled_from(ZONES),
            "zone_mode": st.sampled_from(["fixed", "follow_device"]),
            "windows": st.lists(windows, max_size=3),
        }
    ),
)
spans = st.one_of(
    st.integers(1, 3 * SECOND), st.integers(1, 3 * HOUR), st.integers(HOUR, 72 * HOUR), st.just(15 * MINUTE)
)


class Life(RuleBasedStateMachine):
    """One user's state, as an owner keeps it: what is not in `log` is lost by a crash."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = self.latest_ms = START_MS
        self.log = encode(UserQuiet(user=ME, settled_ms=START_MS))
        self.handed: dict[str, tuple[int, int]] = {}
        self.done: list[tuple[int, int]] = []
        self.looked = False

    @property
    def quiet(self) -> UserQuiet:
        """What whoever owns the user reads from the log."""
        quiet = parse(self.log)
        assert isinstance(quiet, UserQuiet)
        return quiet

    # --- time ---

    @rule(span=spans)
    def time_passes(self, span: int) -> None:
        self.now_ms += span
        self.latest_ms = max(self.latest_ms, self.now_ms)
        self.looked = False

    @rule(span=st.sampled_from([SECOND, HOUR, 24 * HOUR]))
    def the_clock_falls_back(self, span: int) -> None:
        self.now_ms -= span
        self.looked = False

    @rule()
    def a_look(self) -> None:
        self._look(crash_after="never")

    @rule(crash_after=st.sampled_from(["advance", "releasing", "hand-off"]))
    def a_look_that_a_crash_ends(self, crash_after: str) -> None:
        self._look(crash_after)

    # --- what people do ---

    @rule(profile=profiles)
    def an_edit(self, profile: Profile) -> None:
        self._perform(PutProfile(profile))

    @rule(span=spans)
    def a_snooze(self, span: int) -> None:
        self._perform(SetSnooze(self.now_ms + LEAD_MS + span))

    @rule()
    def the_end_of_a_snooze(self) -> None:
        self._perform(EndSnooze())

    @rule()
    def resume_now(self) -> None:
        self._perform(ResumeNow())

    @rule(zone=st.sampled_from(ZONES), confirmed=st.booleans())
    def a_device_elsewhere(self, zone: str, confirmed: bool) -> None:
        self._perform(ReportZone(zone, confirmed))

    # --- what must be so ---

    @invariant()
    def releases_that_are_done_do_not_overlap(self) -> None:
        for (_, end_ms), (start_ms, _) in zip(self.done, self.done[1:], strict=False):
            assert end_ms <= start_ms

    @invariant()
    def after_a_look_all_quiet_is_held(self) -> None:
        if not self.looked:
            return
        quiet = self.quiet
        union = self._calendar(quiet).union_at(self.now_ms)
        if union is None:
            assert quiet.hold is None
        elif self.now_ms >= quiet.settled_ms:
            assert quiet.hold is not None
            assert quiet.hold.state == "holding"
            assert quiet.hold.start_ms <= self.now_ms < quiet.hold.end_ms
            # An endless one is cut some 400 days ahead of when it is asked for.
            assert quiet.hold.end_ms == union.end_ms or quiet.hold.end_ms > self.now_ms + ENDLESS_MS

    @invariant()
    def nothing_is_settled_far_ahead(self) -> None:
        assert self.quiet.settled_ms <= self.latest_ms + LEAD_MS

    def teardown(self) -> None:
        """End everything quiet, and see that whatever was held is out."""
        self.now_ms = self.latest_ms + SECOND
        self._perform(PutProfile(Profile(windows=())))
        self._perform(EndSnooze())
        self._look(crash_after="never")
        assert self.quiet.hold is None

    def _perform(self, command: Command) -> None:
        self.log = encode(MACHINE.perform(self.quiet, ORG, command, self.now_ms))
        self.looked = False

    def _look(self, crash_after: str) -> None:
        quiet = MACHINE.advance(self.quiet, ORG, self.now_ms)
        if crash_after == "advance":
            return
        self.log = encode(quiet)
        while (hold := quiet.hold) is not None and hold.state == "releasing":
            if crash_after == "releasing":
                return
            assert self._outside(quiet)
            window = (hold.start_ms, hold.end_ms)
            assert self.handed.setdefault(hold.release_id, window) == window
            if crash_after == "hand-off":
                return
            self.done.append(window)
            # A union that has passed meanwhile is released next.
            quiet = MACHINE.advance(MACHINE.done(quiet, self.now_ms, noted=True), ORG, self.now_ms)
            self.log = encode(quiet)
        self.looked = self.now_ms >= self.latest_ms

    def _outside(self, quiet: UserQuiet) -> bool:
        """Tell whether nothing is quiet now; what an early end left of a union begins again a second ahead."""
        return self._calendar(quiet).union_at(self.now_ms) is None or self.now_ms < max(
            quiet.settled_ms, quiet.hold.end_ms if quiet.hold else 0, self.latest_ms
        )

    def _calendar(self, quiet: UserQuiet) -> Any:
        return CALENDARS.of(quiet.profile, ORG, snooze=quiet.snooze, resume_until_ms=quiet.resume_until_ms)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
