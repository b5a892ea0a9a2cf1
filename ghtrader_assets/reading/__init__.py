"""Looking at what is stored: trading days against the calendar, and files of them.

Belongs here: answers that need the store and the calendar alone. Does not belong here: SQL (`questdb`), the Python API
for researchers (`store`), and anything that asks a provider.
"""
