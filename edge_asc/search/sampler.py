"""Which candidate comes next: Optuna's TPE, seeded by the number of the trial.

Workers that were all given one seed would otherwise all draw the same candidates; a trial's number
is its own in all of them. So one worker alone, stopped and started again, repeats a search.
"""

from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

STARTUP_TRIALS = 10  # drawn at random before there is something to learn from


class NumberedTPE(BaseSampler):
    """A tree-structured Parzen estimator (Bergstra et al. 2011), new for every trial.

    It learns from the trials in the study, those that were too large among them.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.sampler = TPESampler()

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Draw with the random numbers of this trial."""
        seed = int(np.random.SeedSequence([self.seed, trial.number]).generate_state(1)[0])
        self.sampler = TPESampler(
            n_startup_trials=STARTUP_TRIALS, multivariate=True, constant_liar=True, seed=seed
        )

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """As TPE."""
        return self.sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As TPE."""
        return self.sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """As TPE."""
        return self.sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Any
    ) -> None:
        """As TPE."""
        self.sampler.after_trial(study, trial, state, values)
