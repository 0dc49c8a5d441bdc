"""Scene names of the published data sets, and the coarser (abstract) class of each scene.

The order of a tuple is the order of a model's outputs.
"""

TAU_GROUPS: dict[str, tuple[str, ...]] = {
    "indoor": ("airport", "metro_station", "shopping_mall"),
    "outdoor": ("park", "public_square", "street_pedestrian", "street_traffic"),
    "transportation": ("bus", "metro", "tram"),
}
"""TAU Urban Acoustic Scenes: abstract class → its scenes."""

ESC_GROUPS: dict[str, tuple[str, ...]] = {
    group: tuple(scenes.split())
    for group, scenes in {
        "animals": "dog rooster pig cow frog cat hen insects sheep crow",
        "natural": "rain sea_waves crackling_fire crickets chirping_birds water_drops wind"
        " pouring_water toilet_flush thunderstorm",
        "human": "crying_baby sneezing clapping breathing coughing footsteps laughing"
        " brushing_teeth snoring drinking_sipping",
        "domestic": "door_wood_knock mouse_click keyboard_typing door_wood_creaks can_opening"
        " washing_machine vacuum_cleaner clock_alarm clock_tick glass_breaking",
        "urban": "helicopter chainsaw siren car_horn engine train church_bells airplane fireworks"
        " hand_saw",
    }.items()
}
"""ESC-50's five major groups → its classes; read in order they are ESC-50's targets 0 to 49."""


def _scene_to_group(groups: dict[str, tuple[str, ...]]) -> dict[str, str]:
    return {scene: group for group, scenes in groups.items() for scene in scenes}


TAU_ABSTRACT: dict[str, str] = dict(sorted(_scene_to_group(TAU_GROUPS).items()))
"""TAU scene → abstract class."""

TAU_SCENES: tuple[str, ...] = tuple(TAU_ABSTRACT)
"""The ten TAU scenes, in alphabetical order as everywhere in the literature."""

ESC_ABSTRACT: dict[str, str] = _scene_to_group(ESC_GROUPS)
"""ESC-50 class → major group; serves ESC-10 too, which is a subset."""

ESC50_SCENES: tuple[str, ...] = tuple(ESC_ABSTRACT)
"""The fifty classes by target."""

ESC10_SCENES: tuple[str, ...] = (
    *("dog", "rain", "sea_waves", "crying_baby", "clock_tick"),
    *("sneezing", "helicopter", "chainsaw", "rooster", "crackling_fire"),
)
"""The ten ESC-10 classes by ESC-10 target."""
