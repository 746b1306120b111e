{{- define "maitred.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{/* A variable out of a Secret: [variable, name of the Secret, key]. */}}
{{- define "maitred.fromSecret" -}}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef:
      name: {{ index . 1 }}
      key: {{ index . 2 }}
{{- end }}

{{/* What a target needs of the existing Secrets: [root, services in whose
roles it works, what it works with]. */}}
{{- define "maitred.secretEnv" -}}
{{- $secrets := (index . 0).Values.secrets -}}
{{- $services := index . 1 -}}
{{- $needed := index . 2 -}}
{{- range $services }}
{{ include "maitred.fromSecret" (list (printf "MAITRED_DB_%s_URL" (upper .)) $secrets.database.existingSecret .) }}
{{- end }}
{{- if has "redis" $needed }}
{{ include "maitred.fromSecret" (list "REDIS_URL" $secrets.redis.existingSecret $secrets.redis.key) }}
{{- end }}
{{- if has "meshPublic" $needed }}
{{ include "maitred.fromSecret" (list "MAITRED_MESH_PUBLIC_KEYS" $secrets.mesh.existingSecret $secrets.mesh.publicKey) }}
{{- end }}
{{- if has "meshPrivate" $needed }}
{{ include "maitred.fromSecret" (list "MAITRED_MESH_PRIVATE_KEY" $secrets.mesh.existingSecret $secrets.mesh.privateKey) }}
{{- end }}
{{- if has "pageTokens" $needed }}
{{ include "maitred.fromSecret" (list "MAITRED_PAGE_TOKEN_KEY" $secrets.pageTokens.existingSecret $secrets.pageTokens.key) }}
{{- end }}
{{- if and (has "quotes" $needed) $secrets.quotes.existingSecret }}
{{ include "maitred.fromSecret" (list "MAITRED_ORDERS_QUOTE_KEY" $secrets.quotes.existingSecret $secrets.quotes.key) }}
{{- if $secrets.quotes.keyBefore }}
{{ include "maitred.fromSecret" (list "MAITRED_ORDERS_QUOTE_KEY_BEFORE" $secrets.quotes.existingSecret $secrets.quotes.keyBefore) }}
{{- end }}
{{- end }}
{{- if and (has "sealing" $needed) $secrets.sealing.existingSecret }}
{{ include "maitred.fromSecret" (list "MAITRED_ORDERS_SEALING_KEY" $secrets.sealing.existingSecret $secrets.sealing.key) }}
{{- end }}
{{- if and (has "openai" $needed) $secrets.openai.existingSecret }}
{{ include "maitred.fromSecret" (list "OPENAI_API_KEY" $secrets.openai.existingSecret $secrets.openai.key) }}
{{- end }}
{{- end }}

{{/* What all pods of this chart have in common. */}}
{{- define "maitred.podSpec" -}}
automountServiceAccountToken: false
# Kubernetes would add variables named like our settings for every Service of the namespace.
enableServiceLinks: false
securityContext:
  # The image's user is a number, so this can be checked without naming one.
  runAsNonRoot: true
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.scheduling.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.scheduling.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.scheduling.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: tmp
    emptyDir: {}
{{- end }}

{{/* What all containers of this chart have in common. */}}
{{- define "maitred.container" -}}
image: {{ include "maitred.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
volumeMounts:
  - name: tmp
    mountPath: /tmp
{{- end }}

{{/* How the kubelet asks a target: [its facts, "live" or "ready"]. */}}
{{- define "maitred.probe" -}}
{{- $facts := index . 0 -}}
{{- $live := eq (index . 1) "live" -}}
{{- if $facts.readiness -}}
grpc:
  port: {{ $facts.grpc }}
  {{- if $live }}
  # The loop answers. That a database is gone is no reason to be restarted.
  service: ""
  {{- else }}
  service: {{ $facts.readiness }}
  {{- end }}
{{- else if not $live -}}
httpGet:
  path: /healthz
  port: admin
{{- else if $facts.http -}}
httpGet:
  path: /health
  port: http
{{- else -}}
httpGet:
  # Answered by the loop whatever the database does, as /healthz is not.
  path: /metrics
  port: admin
{{- end }}
{{- end }}
