import { Page } from '../ui/page';
import { Empty } from '../ui/state';

export default function View() {
  return <Page title="instances"><Empty title="Nothing here yet" /></Page>;
}
