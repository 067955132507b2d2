"""The mappings that ship with Supportix, one TOML file for each source system."""
