// The frame around every view: navigation, connection, notices, login, dialog, toast.
import { Component, type ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { DialogHost, keepFocus } from './ui/dialog';
import { Icon } from './ui/icon';
import { Login } from './ui/login';
import { showShortcuts } from './ui/shortcut-list';
import { ToastHost } from './ui/toast';
import { Who } from './ui/who';
import { Failure, Loading, Empty } from './ui/state';
import { Page } from './ui/page';
import { isByLink } from './api/share';
import { href } from './route';
import { followShortcuts } from './shortcuts';
import { may, store, type Theme } from './store';
import { setTheme } from './theme';
import { findView, views, type View, type ViewProps } from './views';

function isHere(view: View): boolean {
  const [first = ''] = store.route.value.path;
  return view.path === first;
}

function NavLink({ view }: { view: View }) {
  if (view.nav === undefined || (view.nav.role && !may(view.nav.role))) return null;
  return (
    <a class="nav-link" href={href(view.path === '' ? [] : [view.path])}
      aria-current={isHere(view) ? 'page' : undefined}>
      <Icon name={view.nav.icon} /><span>{view.title}</span>
    </a>
  );
}

const LINK_WORDS = { connecting: 'Connecting', live: 'Live', lost: 'Offline' };

function LinkState() {
  const state = store.link.value;
  return <span class={`link link-${state}`} role="status">{LINK_WORDS[state]}</span>;
}

const NEXT_THEME: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' };
const THEME_WORDS = { system: 'as the system', light: 'light', dark: 'dark' };

function ThemeButton() {
  const theme = store.theme.value;
  const label = `Colours: ${THEME_WORDS[theme]}`;
  return (
    <button type="button" class="icon-button" title={label} aria-label={label}
      onClick={() => setTheme(NEXT_THEME[theme])}>
      <Icon name={theme === 'system' ? 'system' : theme === 'light' ? 'sun' : 'moon'} />
    </button>
  );
}

function Navigation() {
  const isOpen = store.menu.value;
  const bar = views.filter((v) => v.nav?.isInBar);
  return (
    <>
      <nav class={`side ${isOpen ? 'is-open' : ''}`} aria-label="Views">
        <a class="brand" href="#/"><img src="favicon.svg" alt="" width="26" height="26" />
          <b>swm</b></a>
        <div class="nav-links">{views.map((v) => <NavLink key={v.path} view={v} />)}</div>
        <div class="side-foot">
          <Who />
          <div class="side-signs"><LinkState />
            <button type="button" class="icon-button" title="Keyboard: press ?"
              aria-label="Keyboard" onClick={showShortcuts}>
              <Icon name="keyboard" /></button>
            <ThemeButton /></div>
        </div>
      </nav>
      <nav class="bar" aria-label="Main views">
        {bar.map((v) => <NavLink key={v.path} view={v} />)}
        <button type="button" class="nav-link" aria-expanded={isOpen}
          onClick={() => { store.menu.value = !isOpen; }}>
          <Icon name="more" /><span>More</span></button>
      </nav>
      {isOpen && <button type="button" class="scrim" aria-label="Close the navigation"
        onClick={() => { store.menu.value = false; }} />}
    </>
  );
}

function Notice() {
  if (store.link.value !== 'lost') return null;
  return (
    <p class="notice" role="alert">The connection to the server is lost. What you see may be old;
      it heals by itself.</p>
  );
}

/** A view that fails draws what went wrong, and the rest of the page stays. */
class Guard extends Component<{ name: string; children: ComponentChildren }, { error?: Error }> {
  override state: { error?: Error } = {};
  static override getDerivedStateFromError(error: Error) {
    return { error };
  }
  override componentDidUpdate(before: { name: string }) {
    if (before.name !== this.props.name && this.state.error) this.setState({ error: undefined });
  }
  override render() {
    return this.state.error ? <Failure error={this.state.error} /> : this.props.children;
  }
}

type Loaded = { view: View; component?: (props: ViewProps) => unknown; error?: Error };

/** The new version of a server has other file names than the page that is open. */
function outdated(e: Error): Error {
  return new Error(`This part of the page cannot be loaded; reload the page. (${e.message})`);
}

function Outlet() {
  const found = findView(store.route.value.path);
  const loaded = useSignal<Loaded | null>(null);
  const main = useRef<HTMLElement>(null);
  const hasBegun = useRef(false);
  const view = found?.view;
  useEffect(() => {
    if (view === undefined) return undefined;
    let isWanted = true;
    document.title = `${view.title} · swm`;
    view.load().then((module) => {
      if (isWanted) loaded.value = { view, component: module.default as Loaded['component'] };
    }, (e: Error) => {
      if (isWanted) loaded.value = { view, error: outdated(e) };
    });
    main.current?.scrollTo(0, 0);
    if (hasBegun.current) keepFocus();
    hasBegun.current = true;
    return () => { isWanted = false; };
  }, [view]);
  return (
    <main id="main" class="main" tabIndex={-1} ref={main}>
      <Notice />
      {view === undefined || found === null ? <Missing /> : draw(loaded.value, found)}
    </main>
  );
}

function Missing() {
  return (
    <Page title="No such page">
      <Empty title="There is no such page"
        action={<a class="button" href="#/">To the overview</a>} />
    </Page>
  );
}

function draw(loaded: Loaded | null, found: { view: View; params: Record<string, string> }) {
  if (loaded === null || loaded.view !== found.view) return <Loading />;
  if (loaded.error || !loaded.component) return <Failure error={loaded.error ?? new Error('')} />;
  const Shown = loaded.component as (props: ViewProps) => preact.JSX.Element;
  const name = `${found.view.path} ${Object.values(found.params).join(' ')}`;
  return <Guard name={name}><Shown key={name} params={found.params} /></Guard>;
}

export function Shell() {
  useEffect(() => (isByLink ? undefined : followShortcuts(showShortcuts)), []);
  return (
    <>
      <a class="skip" href="#main" onClick={(e) => {
        e.preventDefault();
        document.getElementById('main')?.focus();
      }}>Skip to the content</a>
      <div class={`shell ${isByLink ? 'shell-alone' : ''}`}>
        {!isByLink && <Navigation />}
        <Outlet />
      </div>
      <DialogHost />
      <ToastHost />
      {store.login.value !== null && <Login why={store.login.value} />}
    </>
  );
}
