import { render } from 'preact'
import { followAgents } from './data/agents.ts'
import { follow } from './data/live.ts'
import { Shell } from './shell.tsx'

const root = document.getElementById('page')
if (root !== null) {
  root.replaceChildren()
  render(<Shell />, root)
}
followAgents()
void follow()
