// Checks an OpenAPI document with Redocly's linter, all recommended rules and more.
// Prints what is wrong, a line each, and fails when there is something.
//
//   node scripts/openapi.mjs openapi.json
import { createConfig, lint } from '@redocly/openapi-core'

const config = await createConfig({
	extends: ['recommended'],
	rules: {
		'operation-operationId': 'error',
		'operation-4xx-response': 'error',
		'operation-description': 'error',
		'operation-tag-defined': 'error',
		'tag-description': 'error',
		'info-contact': 'error',
		'no-invalid-schema-examples': 'error',
		'no-invalid-media-type-examples': 'error',
		'no-unused-components': 'error',
		// The document of a test or of a demo names the loopback address.
		'no-server-example.com': 'off',
	},
})
const problems = await lint({ ref: process.argv[2], config })
for (const p of problems) console.log(`${p.severity} ${p.ruleId} at ${p.location.map((l) => l.pointer).join(' ')}: ${p.message}`)
process.exitCode = problems.length > 0 ? 1 : 0
