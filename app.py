"""The app: `streamlit run app.py`. The frame is pages/ui/main.py."""

import streamlit as st

app = st.App("pages/ui/main.py")
