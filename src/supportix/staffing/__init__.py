"""Staffing: how many agents work needs, against those on shift. Pure: from numbers to numbers and advice in words.

Nothing here reads a clock or does I/O; what is random is drawn with a seed that is given.
"""
