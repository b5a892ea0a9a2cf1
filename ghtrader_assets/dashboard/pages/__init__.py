"""The pages, one file each: what was asked of the store, laid out.

Belongs here: components. Does not belong here: questions (`dashboard.data`), plotly figures (`dashboard.figures`).
"""
