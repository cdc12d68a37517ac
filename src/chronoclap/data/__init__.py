"""Where events come from: manifests, folders of recordings, and the built-in synthetic sounds."""

from chronoclap.data.manifest import by_split, foley_events, read_manifest

__all__ = ["by_split", "foley_events", "read_manifest"]
