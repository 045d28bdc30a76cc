import { Component, type ComponentChildren, type JSX } from 'preact'
import { words } from '../i18n/language'

interface GuardProps { children: ComponentChildren; /** A new value is a new chance. */ of: unknown }

/** One part that cannot be drawn must not take the others with it, least of all the alerts. */
export class Guard extends Component<GuardProps, { fault: string | null; of: unknown }> {
  override state = { fault: null, of: this.props.of }

  static override getDerivedStateFromProps(props: GuardProps, state: { fault: string | null; of: unknown }): object | null {
    return props.of === state.of ? null : { fault: null, of: props.of }
  }

  override componentDidCatch(cause: unknown): void {
    console.error('a part of the screen cannot be drawn', cause)
    this.setState({ fault: cause instanceof Error ? cause.message : String(cause) })
  }

  override render(): JSX.Element {
    if (this.state.fault === null) return <>{this.props.children}</>
    return <p class="card empty" role="alert">{words.value.part_failed(this.state.fault)}</p>
  }
}
