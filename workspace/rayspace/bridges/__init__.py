"""Doors of other programs, through which notebooks come to Ray: papermill and jupyter-scheduler."""
