import streamlit as st

app = st.App("pages/ui/main.py")
