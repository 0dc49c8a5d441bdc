"""Which candidate comes next: Optuna's TPE, seeded by the number of the trial.

Workers that were all given one seed would otherwise all draw the same candidates; a trial's number
is its own in all of them. So one worker alone, stopped and started again, repeats a search.
"""

import numpy as np
import optuna
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial

STARTUP_TRIALS = 10  # drawn at random before there is something to learn from


class NumberedTPE(TPESampler):
    """A tree-structured Parzen estimator (Bergstra et al. 2011), new for every trial.

    It learns from the trials in the study, those that were too large among them.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Begin anew with the random numbers of this trial."""
        seed = int(np.random.SeedSequence([self.seed, trial.number]).generate_state(1)[0])
        super().__init__(
            n_startup_trials=STARTUP_TRIALS, multivariate=True, constant_liar=True, seed=seed
        )
        super().before_trial(study, trial)
