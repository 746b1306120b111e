{{/*
What the code decides about each target: the ports of its settings' defaults, the service whose
health is its readiness, whom it calls and works for, and which secrets it works with. In tests/chart this table
is compared with the settings' classes.
*/}}
{{- define "maitred.targets" -}}
gateway:
  http: 8080
  grpc: 7100
  admin: 9464
  calls: [coordinator, orders, bandit, learning, retrieval, relay, worker]
  secrets: [redis, meshPublic, meshPrivate, pageTokens]
coordinator:
  grpc: 7101
  admin: 9465
  readiness: maitred.coordinator.v1.ChatService
  calls: [orders, bandit, learning, retrieval]
  secrets: [meshPublic, pageTokens, openai]
orders:
  grpc: 7102
  admin: 9466
  readiness: maitred.orders.v1.OrderService
  calls: []
  secrets: [redis, meshPublic, pageTokens, quotes, sealing]
bandit:
  grpc: 7103
  admin: 9468
  readiness: maitred.bandit.v1.DecisionService
  calls: []
  secrets: [redis, meshPublic, pageTokens]
learning:
  grpc: 7104
  admin: 9469
  readiness: maitred.learning.v1.TrustService
  calls: []
  secrets: [redis, meshPublic, pageTokens]
retrieval:
  grpc: 7105
  admin: 9470
  readiness: maitred.retrieval.v1.SearchService
  calls: []
  secrets: [meshPublic, pageTokens]
relay:
  grpc: 7106
  admin: 9467
  readiness: maitred.events.v1.DeadLetterService
  calls: []
  secrets: [redis, meshPublic, pageTokens]
worker:
  grpc: 7107
  admin: 9472
  readiness: maitred.jobs.v1.JobService
  calls: []
  # Services whose jobs it runs, each on its own database role.
  worksFor: [learning, orders]
  secrets: [redis, meshPublic, pageTokens, sealing]
{{- end }}
