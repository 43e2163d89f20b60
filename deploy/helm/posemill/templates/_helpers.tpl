{{- define "posemill.labels" -}}
app.kubernetes.io/name: posemill
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "posemill.selector" -}}
app.kubernetes.io/name: posemill
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "posemill.claim" -}}
{{ .Values.workspace.existingClaim | default (printf "%s-workspace" .Release.Name) }}
{{- end }}

{{/* Image of a pod: {{ include "posemill.image" (dict "root" $ "image" .Values.image.worker) }} */}}
{{- define "posemill.image" -}}
{{ .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{/* What every pod has: no token (but for `account`), no root, images, placement. */}}
{{- define "posemill.pod" -}}
serviceAccountName: {{ .account | default .Release.Name }}
automountServiceAccountToken: {{ hasKey . "account" }}
securityContext:
  runAsUser: {{ .user | default 10001 }}
  runAsGroup: {{ .user | default 10001 }}
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What every container has: no privileges, nothing of the image is writable, configuration and secrets by reference. */}}
{{- define "posemill.container" -}}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
envFrom:
  - configMapRef: { name: {{ .Release.Name }} }
  - secretRef: { name: {{ .Values.existingSecret }} }
{{- end }}

{{/* Length of the labelling queue, as KEDA asks for it. */}}
{{- define "posemill.queue" -}}
SELECT (SELECT count(*) FROM label_job WHERE state = 'queued') + (SELECT count(*) FROM medium m WHERE m.kind = 'video' AND NOT EXISTS (SELECT FROM label_job j WHERE j.medium_id = m.id) AND NOT EXISTS (SELECT FROM quarantine q WHERE q.medium_id = m.id AND q.resolved_at IS NULL))
{{- end }}
