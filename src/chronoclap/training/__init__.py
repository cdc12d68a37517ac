"""Post-training: recipes, the loop, and what feeds it."""

from chronoclap.training.loop import train
from chronoclap.training.recipes import RECIPES, Recipe, find_recipe

__all__ = ["RECIPES", "Recipe", "find_recipe", "train"]
