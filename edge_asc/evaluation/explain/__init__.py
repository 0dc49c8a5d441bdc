"""Why a network answers as it does, as figures and as pictures."""
