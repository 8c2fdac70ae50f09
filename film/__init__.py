"""Reading and writing moving pictures: films, animations and numbered frames, as arrays.

Needs `images/`, NumPy, Pillow, PyAV and OpenCV, and can be copied together with `images/`.
"""
