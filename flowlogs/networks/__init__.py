"""The kinds of network resources, each one description: parameters, rules, columns, permissions.

Pages, forms, files and services work on any kind; a new kind is a description and nothing else.
"""
