import { mount } from 'svelte'
import './style/tokens.css'
import './style/base.css'
import App from './routes/App.svelte'

const target = document.getElementById('app')
if (target) mount(App, { target })
if ('serviceWorker' in navigator && import.meta.env.PROD) void navigator.serviceWorker.register('/sw.js')
