"""When a microphone counts as lost or silent, when it is opened again, and what is said about it.

A lost microphone tells nobody: its stream stays active and its callbacks stop. A broken one gives
nothing but zeros, which no real one does. Nothing here reads a clock or a sound system.
"""

from edge_asc.demo.events import State

STALL_S = 2.0  # without a callback; they come ten times as often even on a loaded machine
SILENT_S = 3.5  # of nothing but zeros
FIRST_DELAY_S, LONGEST_DELAY_S = 0.2, 10.0  # before it is opened again; doubles
STEADY_S = 10.0  # heard for so long, it is well, and the delay starts small again


class Recovery:
    """Judges one microphone. Times are seconds of one clock that only grows."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: State = "starting"
        self.retry_s = 0.0  # when a closed microphone may be opened again
        self._delay_s = 0.0  # that went before the last retry; 0 when all is well
        self._opened_s = 0.0
        self._sounded_s = 0.0  # when something else than zeros came, or it was opened
        self._trouble_s = 0.0  # when it began
        self._silence_told = False
        self._reason = ""
        self._notices: list[str] = []

    def opened(self, now_s: float) -> None:
        """It records from now on."""
        self._opened_s = self._sounded_s = now_s

    def heard(self, now_s: float, sounds: bool) -> None:
        """Audio has come; `sounds` when not all of it is zero."""
        if sounds:
            self._sounded_s, self._silence_told = now_s, False
            self._become_well(now_s)
            if now_s - self._opened_s > STEADY_S:
                self._delay_s = 0.0
        elif self._silence_told:
            self.state = "silent"
        elif self.state != "silent":
            self._become_well(now_s)

    def must_reopen(self, now_s: float, heard_s: float, ended: bool) -> bool:
        """Whether a microphone last heard at `heard_s` is to be closed and opened again.

        `ended`: the sound system has said that it is over.
        """
        # While trouble is known there is no hurry: some take seconds to begin.
        grace_s = self._delay_s if self.state in ("lost", "silent") else 0.0
        if ended or now_s - heard_s > STALL_S + grace_s:
            how = "went away" if ended else f"no audio for {STALL_S:g} s"
            self._become("lost", now_s, f"{how}; opening it again until it comes back")
        elif now_s - self._sounded_s > SILENT_S + grace_s:
            self._silence_told = True
            text = f"nothing but zeros for {SILENT_S:g} s, is it muted? Opening it again"
            self._become("silent", now_s, f"{text} until it is heard")
        else:
            return False
        self._put_off(now_s)
        return True

    def failed(self, now_s: float, reason: str) -> None:
        """It could not be opened."""
        if self.state != "lost" or reason != self._reason:
            self._reason = reason
            self._notices.append(f"{reason}; trying again until it opens")
        self._become("lost", now_s, "")
        self._put_off(now_s)

    def notices(self) -> list[str]:
        """What was not told yet."""
        told, self._notices = self._notices, []
        return told

    def _become_well(self, now_s: float) -> None:
        if self.state in ("lost", "silent"):
            self._say(f"heard again after {now_s - self._trouble_s:.0f} s")
        self.state, self._reason = "listening", ""

    def _become(self, state: State, now_s: float, text: str) -> None:
        if self.state not in ("lost", "silent"):
            self._trouble_s = now_s
        if self.state != state and text:
            self._say(text)
        self.state = state

    def _put_off(self, now_s: float) -> None:
        self._delay_s = min(max(FIRST_DELAY_S, 2 * self._delay_s), LONGEST_DELAY_S)
        self.retry_s = now_s + self._delay_s

    def _say(self, text: str) -> None:
        self._notices.append(f"{self.name}: {text}")
