"""Draw a library as a map: recordings with alike effects lie close together.

`draw_map` writes a picture, a page that plays what is clicked, or the coordinates.
"""

from fxrep.visualization.drawing import MapReport, draw_map
from fxrep.visualization.groups import Groups, group_points
from fxrep.visualization.map_points import MapPoints, place_points
from fxrep.visualization.projection import project

__all__ = ["Groups", "MapPoints", "MapReport", "draw_map", "group_points", "place_points", "project"]
