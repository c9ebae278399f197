"""Stored calls as files: tables for analysts, single calls for players and other programs."""
