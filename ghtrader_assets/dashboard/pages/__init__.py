"""The pages, one file each: query results, laid out.

Belongs here: components. Does not belong here: questions (`dashboard.data`), plotly figures (`dashboard.figures`).
"""
