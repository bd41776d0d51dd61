from ad_desktop.ui import mirrors as mirrors
