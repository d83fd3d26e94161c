"""The app: `streamlit run app.py`. The frame is pages/ui/main.py."""

import streamlit as st
from starlette.middleware import Middleware

from pages.ui.components import delivery
from pages.ui.visitor import Door
from pages.ui.warm import warming

app = st.App("pages/ui/main.py", lifespan=warming, middleware=[Middleware(Door)], routes=delivery.routes())
