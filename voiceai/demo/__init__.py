"""One real call, shown as it happens: the main job on the embedded default."""
