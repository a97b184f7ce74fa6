"""Draw a library as a map: recordings with alike effects lie close together.

`LibraryMap` is the map that belongs to an index and follows it. `draw_map` writes a picture, a page that plays what is
clicked, or the coordinates.
"""

from fxrep.visualization.clusters import Cluster, ClusterFeature
from fxrep.visualization.colors import Colors
from fxrep.visualization.drawing import MapReport, draw_map
from fxrep.visualization.drawn_points import DrawnPoints
from fxrep.visualization.library_map import FEATURES, LibraryMap
from fxrep.visualization.measuring import Progress
from fxrep.visualization.projection import Projection, fit_projection, project

__all__ = [
    "FEATURES",
    "Cluster",
    "ClusterFeature",
    "Colors",
    "DrawnPoints",
    "LibraryMap",
    "MapReport",
    "Progress",
    "Projection",
    "draw_map",
    "fit_projection",
    "project",
]
