{{/* The specification that ServiceMonitor and PodMonitor share, without the endpoints: list ROOT MONITOR. */}}
{{- define "avepoint-exporter.monitorSpec" -}}
{{- $root := index . 0 -}}
{{- $monitor := index . 1 -}}
jobLabel: {{ $monitor.jobLabel | quote }}
namespaceSelector:
  matchNames:
    - {{ include "avepoint-exporter.namespace" $root }}
selector:
  matchLabels:
    {{- include "avepoint-exporter.podSelectorLabels" $root | nindent 4 }}
{{- range $key := list "targetLabels" "podTargetLabels" "attachMetadata" "scrapeProtocols" }}
{{- with index $monitor $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- range $key := list "fallbackScrapeProtocol" "scrapeClass" "bodySizeLimit" }}
{{- with index $monitor $key }}
{{ $key }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- range $key := list "sampleLimit" "targetLimit" "labelLimit" "labelNameLengthLimit" "labelValueLengthLimit" }}
{{- with index $monitor $key }}
{{ $key }}: {{ int64 . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The endpoint that ServiceMonitor and PodMonitor share: list ROOT MONITOR. */}}
{{- define "avepoint-exporter.monitorEndpoint" -}}
{{- $root := index . 0 -}}
{{- $monitor := index . 1 -}}
port: metrics
path: {{ $monitor.path }}
scheme: {{ default (include "avepoint-exporter.scheme" $root) $monitor.scheme }}
{{- range $key := list "interval" "scrapeTimeout" "proxyUrl" }}
{{- with index $monitor $key }}
{{ $key }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- range $key := list "honorLabels" "honorTimestamps" "enableHttp2" "followRedirects" }}
{{- $value := index $monitor $key }}
{{- if not (kindIs "invalid" $value) }}
{{ $key }}: {{ $value }}
{{- end }}
{{- end }}
{{- range $key := list "tlsConfig" "basicAuth" "authorization" "params" "relabelings" "metricRelabelings" }}
{{- with index $monitor $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}
