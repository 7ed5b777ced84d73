// Light, dark, or what the system says; kept in this browser.
import { store, type Theme } from './store';

const PLACE = 'swm-theme';

function show(theme: Theme): void {
  store.theme.value = theme;
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}

export function readTheme(): void {
  const kept = localStorage.getItem(PLACE);
  show(kept === 'light' || kept === 'dark' ? kept : 'system');
}

export function setTheme(theme: Theme): void {
  localStorage.setItem(PLACE, theme);
  show(theme);
}
