"""Warehouses in which automated guided vehicles drive continuously: layouts, vehicles, simulation, world."""
