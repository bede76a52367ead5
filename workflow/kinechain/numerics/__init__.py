"""Mathematics on arrays: numpy and scipy only, no data frame, no file, no config.

Callers hand over good arrays (float64, right shapes); checks belong to the floors above.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
