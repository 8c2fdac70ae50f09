"""The border with moving pictures: films, animations and numbered frames become arrays and back.

Needs `images/`, NumPy, Pillow, PyAV and OpenCV, and can be copied together with `images/`.
"""
